<?xml version="1.0" encoding="utf-8"?>
<!-- The benchmark's input to POHODA orders by XSLT 1.0, one ORDER at a time: what benchmarks/baseline.py writes. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:dat="http://www.stormware.cz/schema/version_2/data.xsd"
                xmlns:ord="http://www.stormware.cz/schema/version_2/order.xsd"
                xmlns:typ="http://www.stormware.cz/schema/version_2/type.xsd">
  <xsl:output method="xml" encoding="windows-1250" omit-xml-declaration="yes"/>
  <xsl:strip-space elements="*"/>

  <xsl:template match="/ORDER">
    <xsl:variable name="day" select="substring(DATE, 1, 10)"/>
    <xsl:variable name="billing" select="CUSTOMER/BILLING_ADDRESS"/>
    <xsl:variable name="delivery" select="CUSTOMER/SHIPPING_ADDRESS"/>
    <xsl:variable name="payment" select="normalize-space(ORDER_ITEMS/ITEM[TYPE='billing'][1]/NAME)"/>
    <xsl:variable name="carrier" select="normalize-space(ORDER_ITEMS/ITEM[TYPE='shipping'][1]/NAME)"/>
    <xsl:variable name="company" select="$billing/COMPANY_ID != '' or $billing/VAT_ID != ''"/>
    <dat:dataPackItem version="2.0" id="bench:order:{CODE}">
      <ord:order version="2.0">
        <ord:orderHeader>
          <ord:extId>
            <typ:ids><xsl:value-of select="CODE"/></typ:ids>
            <typ:exSystemName>bench</typ:exSystemName>
          </ord:extId>
          <ord:orderType>receivedOrder</ord:orderType>
          <ord:numberOrder><xsl:value-of select="CODE"/></ord:numberOrder>
          <ord:date><xsl:value-of select="$day"/></ord:date>
          <ord:dateFrom><xsl:value-of select="$day"/></ord:dateFrom>
          <ord:text><xsl:value-of select="concat('Objednávka ', CODE)"/></ord:text>
          <ord:partnerIdentity>
            <typ:address linkToAddress="{$company}">
              <xsl:apply-templates select="$billing" mode="whereabouts"/>
              <xsl:if test="CUSTOMER/EMAIL != ''">
                <typ:email><xsl:value-of select="CUSTOMER/EMAIL"/></typ:email>
              </xsl:if>
              <xsl:if test="$billing/COMPANY_ID != ''">
                <typ:ico><xsl:value-of select="$billing/COMPANY_ID"/></typ:ico>
              </xsl:if>
              <xsl:if test="$billing/VAT_ID != ''">
                <typ:dic><xsl:value-of select="$billing/VAT_ID"/></typ:dic>
              </xsl:if>
              <xsl:if test="CUSTOMER/PHONE != ''">
                <typ:phone><xsl:value-of select="CUSTOMER/PHONE"/></typ:phone>
              </xsl:if>
            </typ:address>
            <xsl:if test="concat($delivery/CITY, $delivery/STREET, $delivery/NAME, $delivery/COMPANY) != ''">
              <typ:shipToAddress><xsl:apply-templates select="$delivery" mode="whereabouts"/></typ:shipToAddress>
            </xsl:if>
          </ord:partnerIdentity>
          <xsl:if test="$payment != ''">
            <ord:paymentType>
              <typ:ids>
                <xsl:choose>
                  <xsl:when test="$payment = 'Dobírka'">Dobírkou</xsl:when>
                  <xsl:when test="$payment = 'Bankovním převodem'">Příkazem</xsl:when>
                  <xsl:when test="$payment = 'Platba kartou online'">Plat.kartou</xsl:when>
                  <xsl:when test="$payment = 'Hotově při převzetí'">Hotově</xsl:when>
                  <xsl:otherwise><xsl:message terminate="yes">unknown payment</xsl:message></xsl:otherwise>
                </xsl:choose>
              </typ:ids>
            </ord:paymentType>
          </xsl:if>
          <ord:isExecuted>false</ord:isExecuted>
          <ord:isReserved>false</ord:isReserved>
          <xsl:if test="normalize-space(REMARK) != ''">
            <ord:note>
              <xsl:call-template name="lines"><xsl:with-param name="text" select="REMARK"/></xsl:call-template>
            </ord:note>
          </xsl:if>
          <ord:carrier>
            <typ:ids>
              <xsl:choose>
                <xsl:when test="$carrier = 'Zásilkovna - výdejní místo'">Zásilkovna</xsl:when>
                <xsl:when test="$carrier = 'PPL - balík na adresu'">PPL</xsl:when>
                <xsl:when test="$carrier = 'Česká pošta - Balík Do ruky'">Česká pošta</xsl:when>
                <xsl:when test="$carrier = 'Osobní odběr na prodejně'">Osobně</xsl:when>
                <xsl:otherwise><xsl:message terminate="yes">unknown carrier</xsl:message></xsl:otherwise>
              </xsl:choose>
            </typ:ids>
          </ord:carrier>
          <ord:intNote>
            <xsl:if test="normalize-space(SHOP_REMARK) != ''">
              <xsl:call-template name="lines"><xsl:with-param name="text" select="SHOP_REMARK"/></xsl:call-template>
              <xsl:text>&#10;</xsl:text>
            </xsl:if>
            <xsl:value-of select="concat('Doprava: ', $carrier)"/>
            <xsl:if test="PACKETA_BRANCH_ID != ''">
              <xsl:value-of select="concat('&#10;Výdejní místo: ', PACKETA_BRANCH_ID)"/>
            </xsl:if>
            <xsl:if test="PACKAGE_NUMBER != ''">
              <xsl:value-of select="concat('&#10;Zásilka: ', PACKAGE_NUMBER)"/>
            </xsl:if>
            <xsl:if test="$payment != ''">
              <xsl:value-of select="concat('&#10;Platba: ', $payment)"/>
            </xsl:if>
            <xsl:if test="TOTAL_PRICE/PAID = '1'"><xsl:text>&#10;Zaplaceno v e-shopu</xsl:text></xsl:if>
          </ord:intNote>
          <ord:markRecord>true</ord:markRecord>
        </ord:orderHeader>
        <ord:orderDetail><xsl:apply-templates select="ORDER_ITEMS/ITEM"/></ord:orderDetail>
        <ord:orderSummary>
          <ord:roundingDocument>
            <xsl:choose>
              <xsl:when test="number(TOTAL_PRICE/ROUNDING) = 0">none</xsl:when>
              <xsl:otherwise>math2one</xsl:otherwise>
            </xsl:choose>
          </ord:roundingDocument>
        </ord:orderSummary>
      </ord:order>
    </dat:dataPackItem>
  </xsl:template>

  <xsl:template match="BILLING_ADDRESS | SHIPPING_ADDRESS" mode="whereabouts">
    <xsl:variable name="street" select="normalize-space(concat(STREET, ' ', HOUSENUMBER))"/>
    <xsl:if test="COMPANY != ''">
      <typ:company><xsl:value-of select="substring(normalize-space(COMPANY), 1, 255)"/></typ:company>
    </xsl:if>
    <xsl:if test="NAME != ''">
      <typ:name><xsl:value-of select="substring(normalize-space(NAME), 1, 64)"/></typ:name>
    </xsl:if>
    <xsl:if test="CITY != ''">
      <typ:city><xsl:value-of select="substring(normalize-space(CITY), 1, 45)"/></typ:city>
    </xsl:if>
    <xsl:if test="$street != ''"><typ:street><xsl:value-of select="substring($street, 1, 64)"/></typ:street></xsl:if>
    <xsl:if test="ZIP != ''"><typ:zip><xsl:value-of select="ZIP"/></typ:zip></xsl:if>
    <xsl:if test="COUNTRY = 'Česká republika'"><typ:country><typ:ids>CZ</typ:ids></typ:country></xsl:if>
  </xsl:template>

  <xsl:template match="ITEM">
    <xsl:variable name="text" select="normalize-space(concat(NAME, ' ', VARIANT_NAME))"/>
    <ord:orderItem>
      <ord:text><xsl:value-of select="substring($text, 1, 90)"/></ord:text>
      <ord:quantity><xsl:value-of select="number(AMOUNT)"/></ord:quantity>
      <xsl:if test="UNIT != ''"><ord:unit><xsl:value-of select="UNIT"/></ord:unit></xsl:if>
      <ord:payVAT>true</ord:payVAT>
      <ord:rateVAT>
        <xsl:choose>
          <xsl:when test="UNIT_PRICE/VAT_RATE = '21'">high</xsl:when>
          <xsl:when test="UNIT_PRICE/VAT_RATE = '12'">low</xsl:when>
          <xsl:when test="UNIT_PRICE/VAT_RATE = '0'">none</xsl:when>
          <xsl:otherwise><xsl:message terminate="yes">unknown VAT rate</xsl:message></xsl:otherwise>
        </xsl:choose>
      </ord:rateVAT>
      <ord:discountPercentage>0</ord:discountPercentage>
      <ord:homeCurrency>
        <typ:unitPrice><xsl:value-of select="number(UNIT_PRICE/WITH_VAT)"/></typ:unitPrice>
      </ord:homeCurrency>
      <xsl:if test="CODE != ''">
        <ord:code><xsl:value-of select="CODE"/></ord:code>
        <xsl:if test="TYPE = 'product'">
          <ord:stockItem><typ:stockItem><typ:ids><xsl:value-of select="CODE"/></typ:ids></typ:stockItem></ord:stockItem>
        </xsl:if>
      </xsl:if>
    </ord:orderItem>
  </xsl:template>

  <!-- White space collapsed within the lines; empty lines at both ends dropped. -->
  <xsl:template name="lines">
    <xsl:param name="text"/>
    <xsl:param name="begun" select="false()"/>
    <xsl:variable name="line" select="normalize-space(substring-before(concat($text, '&#10;'), '&#10;'))"/>
    <xsl:variable name="rest" select="substring-after($text, '&#10;')"/>
    <xsl:if test="$begun and ($line != '' or normalize-space($rest) != '')"><xsl:text>&#10;</xsl:text></xsl:if>
    <xsl:value-of select="$line"/>
    <xsl:if test="normalize-space($rest) != ''">
      <xsl:call-template name="lines">
        <xsl:with-param name="text" select="$rest"/>
        <xsl:with-param name="begun" select="$begun or $line != ''"/>
      </xsl:call-template>
    </xsl:if>
  </xsl:template>
</xsl:stylesheet>
